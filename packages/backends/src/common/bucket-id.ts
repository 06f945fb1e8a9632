import type { Bucket } from "../port.js";

/**
 * The number that stands for a bucket in stored bytes: the prefix of a LevelDB key and the first
 * byte under every checksum. It is a format: never renumber, only add.
 */
export const BUCKET_IDS: Readonly<Record<Bucket, number>> = {
  alarm: 1,
  auth: 2,
  authRoles: 3,
  authUsers: 4,
  cluster: 5,
  key: 6,
  lease: 7,
  members: 8,
  members_removed: 9,
  meta: 10,
};
