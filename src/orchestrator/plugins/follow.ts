// What most reactions are: a want that follows from one service alone. `follow` computes it before and after
// a commit and emits only a real difference, so that a want is always exactly `project(service)` of the
// newest state; that is also how the tests check it.

import { equal } from "#kernel";
import type { Commit, Service, ServiceName } from "#routing";
import { ascending, itself } from "./ascending.ts";

export function follow<Want>(
  commit: Commit,
  project: (service: Service) => Want | undefined,
  emit: (name: ServiceName, want: Want | undefined) => void,
): void {
  for (const [name, { before, after }] of commit.changes.services) {
    const old = before === undefined ? undefined : project(before);
    const now = after === undefined ? undefined : project(after);
    if (!equal(old, now)) emit(name, now);
  }
}

/** URLs of the endpoints that are up, in order, so that equal sets are equal arrays. */
export function healthyUrls(service: Service): string[] {
  const urls: string[] = [];
  for (const { url, health } of service.endpoints) if (health === "up") urls.push(url);
  return ascending(urls, itself);
}
