export { type EmbeddedServer, type EmbedOptions, startEmbedded } from "./embed.js";
export type { RunningNode } from "./host.js";
export { Member } from "./member.js";
export type { MemberOptions } from "./member-options.js";
export { StartError } from "./start-error.js";
