import { describe, expect, test } from "vitest";
import { memberFromJson, memberToJson } from "./member.js";

describe("a member's JSON", () => {
  test("is etcd's, with the id as a decimal number above 2^53 and empty fields left out", () => {
    const member = {
      ...{ id: 0x8e9e05c52164694dn, peerUrls: ["http://localhost:2380"] },
      ...{ isLearner: false, name: "", clientUrls: [] },
    };
    expect(memberToJson(member)).toBe(
      '{"id":10276657743932975437,"peerURLs":["http://localhost:2380"]}',
    );
    expect(
      memberToJson({ ...member, isLearner: true, name: 'a"b', clientUrls: ["http://c"] }),
    ).toBe(
      '{"id":10276657743932975437,"peerURLs":["http://localhost:2380"],"isLearner":true,' +
        '"name":"a\\"b","clientURLs":["http://c"]}',
    );
  });

  test("is read back as it was", () => {
    const member = {
      ...{ id: 2n ** 64n - 1n, peerUrls: ["http://a", "http://b"], isLearner: true },
      ...{ name: "m", clientUrls: ["http://c"] },
    };
    expect(memberFromJson(memberToJson(member))).toEqual({ ...member, isPromote: false });
  });

  test("may have nulls, spaces, other fields, and ask for a promotion", () => {
    expect(memberFromJson('{ "id" : 5, "peerURLs":null, "x":1, "isPromote":true }')).toEqual({
      ...{ id: 5n, peerUrls: [], isLearner: false, name: "", clientUrls: [], isPromote: true },
    });
  });

  test.each(["{}", '{"id":"5"}', '{"id":5', ""])("%j is none", (text) => {
    expect(() => memberFromJson(text)).toThrow(SyntaxError);
  });
});
