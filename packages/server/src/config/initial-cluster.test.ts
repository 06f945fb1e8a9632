import { describe, expect, it } from "vitest";
import { parseInitialCluster, verifyBootstrap, verifyJoin } from "./initial-cluster.js";
import { parseListenUrls } from "./listen-url.js";

function settings(name: string, cluster: string, advertised: string) {
  const parsed = parseInitialCluster(cluster);
  const urls = parseListenUrls(advertised.split(","));
  if (parsed.kind === "error" || urls.kind === "error") throw new Error("bad test data");
  const own = parsed.members.find((member) => member.name === name)?.peerUrls ?? [];
  const texts = [urls.value, own].map((list) => list.map(({ href }) => href).join());
  const mismatch = texts[0] === texts[1] ? undefined : "the reason";
  return { name, members: parsed.members, advertisePeerUrls: urls.value, mismatch };
}

describe("the initial cluster", () => {
  it("groups URLs by name and sorts", () => {
    const parsed = parseInitialCluster("b=http://h:2,a=http://h:4,b=http://h:1,");
    expect(parsed).toMatchObject({ kind: "ok" });
    if (parsed.kind !== "ok") return;
    expect(parsed.members.map((m) => [m.name, m.peerUrls.map((u) => u.href)])).toEqual([
      ["a", ["http://h:4"]],
      ["b", ["http://h:1", "http://h:2"]],
    ]);
    expect(parseInitialCluster("default=foo")).toEqual({
      kind: "error",
      message:
        "error setting up initial cluster: URL scheme must be http, https, unix, or unixs: foo",
    });
  });

  it.each([
    [
      "zz",
      "a=http://localhost:2380",
      "http://localhost:2380",
      'couldn\'t find local name "zz" in the initial cluster configuration',
    ],
    [
      "a",
      "",
      "http://localhost:2380",
      'couldn\'t find local name "a" in the initial cluster configuration',
    ],
    [
      "default",
      "default=http://localhost:2390",
      "http://localhost:2380",
      "--initial-cluster has default=http://localhost:2390 but missing from --initial-advertise-peer-urls=http://localhost:2380 (the reason)",
    ],
    [
      "default",
      "default=http://localhost:2380",
      "http://localhost:2380,http://localhost:2381",
      "--initial-advertise-peer-urls has http://localhost:2381 but missing from --initial-cluster=default=http://localhost:2380,default=http://localhost:2381",
    ],
    [
      "default",
      "default=http://localhost:2380,default=http://localhost:2380",
      "http://localhost:2380",
      "failed to resolve http://localhost:2380 to match --initial-cluster=default=http://localhost:2380 (the reason)",
    ],
    [
      "default",
      "default=http://localhost:2380,b=http://localhost:2380",
      "http://localhost:2380",
      "initial cluster b=http://localhost:2380,default=http://localhost:2380 has duplicate url",
    ],
  ])("refuses to found %s in %s", (name, cluster, advertised, message) => {
    expect(verifyBootstrap(settings(name, cluster, advertised))).toBe(message);
  });

  it("lets a good one pass; a joining member's own URLs are not compared", () => {
    const good = settings("a", "a=http://h:1,b=http://h:2", "http://h:1");
    expect(verifyBootstrap(good)).toBeUndefined();
    expect(verifyJoin(settings("a", "a=http://h:1,b=http://h:2", "http://h:9"))).toBeUndefined();
  });
});
