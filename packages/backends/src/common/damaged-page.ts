import { BackendError } from "../port.js";

export function damagedPage(path: string, page: number, what: string): BackendError {
  return new BackendError(
    "CORRUPT",
    `${path}: damaged at page ${page}: ${what}; ` +
      "restore this member from a snapshot or from its peers",
  );
}
