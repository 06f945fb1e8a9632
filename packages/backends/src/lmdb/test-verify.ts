import { verifyRoots, verifyTables } from "./verify.js";

/** All trees of a data file in one go. @throws BackendError "CORRUPT" */
export function verifyDataFile(path: string): void {
  const structure = verifyRoots(path);
  if (structure === undefined) return;
  for (const _ of verifyTables(path, structure));
}
