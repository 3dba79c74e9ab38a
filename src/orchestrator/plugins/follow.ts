// What most reactions are: a want that follows from one service alone. `follow` computes it before and after
// a commit and emits only a real difference, so that a want is always exactly `project(service)` of the
// newest state; that is also how the tests check it.

import { equal } from "#kernel";
import type { Commit, Endpoint, Service, ServiceName } from "#routing";
import { ascending, itself } from "./ascending.ts";

/** Of a service, what a want may be made of: not what only observers count. */
export type Followed = Omit<Service, "endpoints" | "revision"> & {
  readonly endpoints: readonly Pick<Endpoint, "url" | "health">[];
};

export function follow<Want>(
  commit: Commit,
  project: (service: Followed) => Want | undefined,
  emit: (name: ServiceName, want: Want | undefined) => void,
): void {
  commit.changes.services.forEach(({ before, after }, name) => {
    if (alike(before, after)) return;
    const old = before === undefined ? undefined : project(before);
    const now = after === undefined ? undefined : project(after);
    if (!equal(old, now)) emit(name, now);
  });
}

/** Most changes are probe answers that in the end leave things as they were. Members are replaced, never changed in place. */
export function alike(a: Followed | undefined, b: Followed | undefined): boolean {
  if (a === undefined || b === undefined) return a === b;
  return (
    a.health === b.health &&
    a.schema === b.schema &&
    a.quarantine === b.quarantine &&
    a.protocol === b.protocol &&
    a.timeoutMs === b.timeoutMs &&
    a.ingress === b.ingress &&
    a.probe === b.probe &&
    a.labels === b.labels &&
    a.export === b.export &&
    a.owner === b.owner &&
    sameEndpoints(a.endpoints, b.endpoints)
  );
}

function sameEndpoints(a: Followed["endpoints"], b: Followed["endpoints"]): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let at = 0; at < a.length; at++) {
    if (a[at]?.url !== b[at]?.url || a[at]?.health !== b[at]?.health) return false;
  }
  return true;
}

/** URLs of the endpoints that are up, in order, so that equal sets are equal arrays. */
export function healthyUrls({ endpoints }: Pick<Followed, "endpoints">): string[] {
  const healthy = endpoints.every(isUp) ? endpoints : endpoints.filter(isUp);
  return ascending(healthy.map(urlOf), itself);
}

const isUp = ({ health }: Pick<Endpoint, "health">): boolean => health === "up";
const urlOf = ({ url }: Pick<Endpoint, "url">): string => url;
