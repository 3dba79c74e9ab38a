// What a demonstration asks as a client would: over HTTP, through ingress. Bounded in time and size.

import { request } from "node:http";

export interface HttpAnswer {
  readonly status: number;
  readonly server: string;
  readonly body: string;
}

const ASK_MS = 10_000;
const ANSWER_BYTES_MAX = 1024 * 1024;

export function post(url: string, bearer: string, body: string): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${bearer}`,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    };
    const asked = request(
      url,
      { method: "POST", agent: false, headers, signal: AbortSignal.timeout(ASK_MS) },
      (answer) => {
        let text = "";
        answer.setEncoding("utf8");
        answer.on("data", (chunk: string) => {
          text += chunk;
          if (text.length > ANSWER_BYTES_MAX) answer.destroy(new Error("the answer is over 1 MiB"));
        });
        answer.on("error", reject);
        answer.on("end", () =>
          resolve({
            status: answer.statusCode ?? 0,
            server: String(answer.headers.server ?? ""),
            body: text,
          }),
        );
      },
    );
    asked.on("error", reject);
    asked.end(body);
  });
}
