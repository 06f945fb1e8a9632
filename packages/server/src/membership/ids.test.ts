import { hexId } from "@kvorum/base";
import { describe, expect, test } from "vitest";
import { clusterId, memberId } from "./ids.js";

describe("ids that etcd computed", () => {
  test("of two members and their cluster", () => {
    const first = memberId(["http://127.0.0.1:22480"], "tok");
    const second = memberId(["http://127.0.0.1:22470"], "tok");
    expect([first, second].map(hexId)).toEqual(["4f9d793242f37f64", "f42ab8689210ccf5"]);
    expect(hexId(clusterId([first, second]))).toBe("a46e87074b3dfe25");
    expect(clusterId([second, first])).toBe(clusterId([first, second]));
  });

  test("of a single member with the default token", () => {
    const id = memberId(["http://127.0.0.1:22380"], "etcd-cluster");
    expect(hexId(id)).toBe("9e737febb6b99eee");
    expect(hexId(clusterId([id]))).toBe("c8730d66636ff140");
  });

  test("of the member that etcd's defaults make", () => {
    const id = memberId(["http://localhost:2380"], "etcd-cluster");
    expect(hexId(id)).toBe("8e9e05c52164694d");
    expect(hexId(clusterId([id]))).toBe("cdf818194e3a8c32");
  });
});

test("the order of the URLs does not matter, the time of adding does", () => {
  const urls = ["http://b:1", "http://a:1"];
  expect(memberId(urls, "")).toBe(memberId(["http://a:1", "http://b:1"], ""));
  expect(memberId(urls, "", 1)).not.toBe(memberId(urls, ""));
  expect(memberId(urls, "", 1.9)).toBe(memberId(urls, "", 1));
  // The time is appended as text: the token "1" hashes alike.
  expect(memberId(urls, "", 1)).toBe(memberId(urls, "1"));
});
