import type { ResponseKind, Selector } from "./watcher.js";

/** Whether `key` is one of those that the selector asks for. */
export function selects(selector: Selector, key: string): boolean {
  if (selector.end === undefined) return key === selector.key;
  return key >= selector.key && (selector.end === "" || key < selector.end);
}

/** The kind of `selector` with these options, made when it is the first. */
export function responseKind(
  selector: Selector,
  options: { readonly noPut: boolean; readonly noDelete: boolean; readonly prevKv: boolean },
): ResponseKind {
  for (const kind of selector.kinds) {
    const same = kind.noPut === options.noPut && kind.noDelete === options.noDelete;
    if (same && kind.prevKv === options.prevKv) return kind;
  }
  const kind: ResponseKind = { selector, ...options, cohorts: [] };
  selector.kinds.push(kind);
  return kind;
}
