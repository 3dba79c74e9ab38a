export { Inbox, type Told } from "./inbox.ts";
export type * from "./message.ts";
export { type Agreed, negotiate } from "./negotiate.ts";
export { notice, noticeName, type NoticeName, NOTICES, type Retry, retryOf } from "./notice.ts";
export { deadline, newSession, step } from "./session.ts";
export { Speaker } from "./speaker.ts";
export type * from "./speech.ts";
export type * from "./state.ts";
export { TIMERS } from "./timers.ts";
