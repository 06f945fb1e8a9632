export { Member } from "./member.js";
export type { MemberOptions } from "./member-options.js";
