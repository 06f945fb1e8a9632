import { nodeClock } from "@kvorum/base/node";
import { type ConfChange, ConfChangeType } from "@kvorum/raft";
import { beforeEach, describe, expect, test } from "vitest";
import { openContent } from "../testing/open-content.js";
import { Cluster } from "./cluster.js";
import { applyConfChangeToCluster } from "./conf-change-applier.js";
import { memberToJson } from "./member.js";

const LEARNERS_MAX = 1;

let cluster: Cluster;

beforeEach(async () => {
  cluster = new Cluster({ id: 1n, store: (await openContent(nodeClock)).buffered });
  cluster.put(member(1n));
});

function member(id: bigint, fields: { isLearner?: boolean; peerUrls?: string[] } = {}) {
  const base = { isLearner: false, peerUrls: [`http://p${id}`] };
  return { id, name: `m${id}`, clientUrls: [`http://c${id}`], ...base, ...fields };
}

function apply(type: ConfChangeType, nodeId: bigint, context = "") {
  const change: ConfChange = { id: 1n, type, nodeId, context: Buffer.from(context) };
  return applyConfChangeToCluster(cluster, change, LEARNERS_MAX);
}

const add = (id: bigint, peerUrls = [`http://p${id}`]) =>
  apply(ConfChangeType.AddNode, id, memberToJson({ ...member(id, { peerUrls }), name: "" }));
const addLearner = (id: bigint) =>
  apply(ConfChangeType.AddLearnerNode, id, memberToJson(member(id, { isLearner: true })));
const promote = (id: bigint) =>
  apply(ConfChangeType.AddNode, id, `{"id":${id},"peerURLs":null,"isPromote":true}`);
const remove = (id: bigint) => apply(ConfChangeType.RemoveNode, id);
const update = (id: bigint, peerUrls: string[]) =>
  apply(ConfChangeType.UpdateNode, id, memberToJson(member(id, { peerUrls })));

const refused = (error: string) => ({ ok: false, error });
const ok = (kind: string) => ({ ok: true, kind });

describe("adding", () => {
  test("takes a member in once, by id and by URL", () => {
    expect(add(2n)).toEqual(ok("add"));
    expect(cluster.member(2n)).toMatchObject({ peerUrls: ["http://p2"], isLearner: false });
    expect(add(2n)).toEqual(refused("memberExists"));
    expect(add(3n, ["http://new", "http://p1"])).toEqual(refused("peerUrlExists"));
    // The id is looked at first.
    expect(add(1n, ["http://p2"])).toEqual(refused("memberExists"));
  });

  test("takes as many learners as are allowed", () => {
    expect(addLearner(2n)).toEqual(ok("add"));
    expect(cluster.member(2n)?.isLearner).toBe(true);
    expect(addLearner(3n)).toEqual(refused("tooManyLearners"));
    expect(add(3n)).toEqual(ok("add"));
  });
});

describe("promoting", () => {
  test("makes a learner a voter and keeps the rest of it", () => {
    addLearner(2n);
    expect(promote(2n)).toEqual(ok("promote"));
    expect(cluster.member(2n)).toMatchObject(member(2n));
    expect(promote(2n)).toEqual(refused("memberNotLearner"));
    expect(promote(9n)).toEqual(refused("memberNotFound"));
  });
});

describe("removing", () => {
  test("is for good: the id is never accepted again, for anything", () => {
    add(2n);
    expect(remove(2n)).toEqual(ok("remove"));
    for (const change of [add, addLearner, promote, remove]) {
      expect(change(2n)).toEqual(refused("memberNotFound"));
    }
    expect(update(2n, ["http://x"])).toEqual(refused("memberNotFound"));
    expect(remove(9n)).toEqual(refused("memberNotFound"));
  });
});

describe("updating", () => {
  test("changes the peer URLs and nothing else", () => {
    add(2n);
    expect(update(1n, ["http://p1", "http://more"])).toEqual(ok("update"));
    expect(cluster.member(1n)).toMatchObject(
      member(1n, { peerUrls: ["http://p1", "http://more"] }),
    );
    expect(update(1n, ["http://p2"])).toEqual(refused("peerUrlExists"));
    expect(update(9n, ["http://x"])).toEqual(refused("memberNotFound"));
  });

  test("leaves a learner a learner", () => {
    addLearner(2n);
    update(2n, ["http://x"]);
    expect(cluster.member(2n)?.isLearner).toBe(true);
  });
});
