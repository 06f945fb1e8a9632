import type { Team } from "./workload.js";

/** The one process of a load that is not split. */
export const ALONE: Team = { index: 0, size: 1, meet: () => Promise.resolve() };

/** What member `index` of a team of `size` does of `whole` things: the first do the remainder. */
export function portionOf(whole: number, { index, size }: Pick<Team, "index" | "size">): number {
  return Math.floor(whole / size) + (index < whole % size ? 1 : 0);
}
