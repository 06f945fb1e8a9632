import sortedBtree from "sorted-btree";

type Loaded = typeof sortedBtree | typeof sortedBtree.default;

/**
 * The class of the CommonJS module "sorted-btree": Node puts the module's exports object where a
 * bundler or test runner that understands its `__esModule` mark puts the class itself.
 */
const loaded: Loaded = sortedBtree;
export const BTree =
  typeof loaded === "function" ? (loaded as typeof sortedBtree.default) : loaded.default;
