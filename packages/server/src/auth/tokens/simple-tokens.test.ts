import { SimulatedClock } from "@kvorum/base";
import { beforeEach, expect, test } from "vitest";
import { SimpleTokens } from "./simple-tokens.js";

const TTL_MS = 1_000;
const waiter = { cancelled: false };
const revision = () => 7;
const login = (index: number, username = "ann") => ({ username, prefix: "abc", index });
const ann = { username: "ann", revision: 7 };

let clock: SimulatedClock;
let appliedIndex: number;
let tokens: SimpleTokens;

beforeEach(() => {
  clock = new SimulatedClock();
  appliedIndex = 10;
  tokens = new SimpleTokens({ clock, ttlMs: TTL_MS, appliedIndex: () => appliedIndex });
});

test("a prefix has sixteen letters, another each time", () => {
  const [first, second] = [tokens.newPrefix(), tokens.newPrefix()];
  expect(first).toMatch(/^[a-zA-Z]{16}$/);
  expect(second).not.toBe(first);
});

test("a token lives as long as it is used", () => {
  const token = tokens.issue(login(5));
  expect(token).toBe("abc.5");
  for (let i = 0; i < 3; i++) {
    clock.advance(TTL_MS - 1);
    expect(tokens.holder(token, revision, waiter)).toEqual(ann);
  }
  clock.advance(TTL_MS + 1);
  expect(tokens.holder(token, revision, waiter)).toBeUndefined();
});

test("what is no token is refused at once", () => {
  tokens.issue(login(5));
  for (const text of ["", "abc", "abc.", "abc.5.", "abc.x", "abc.-5", "xyz.5", "abc.4"]) {
    expect(tokens.holder(text, revision, waiter), text).toBeUndefined();
  }
});

test("a token of an entry that isn't applied here yet waits for it", async () => {
  const found = tokens.holder("abc.12", revision, waiter);
  expect(found).toBeInstanceOf(Promise);
  clock.advance(50);
  appliedIndex = 12;
  tokens.issue(login(12));
  clock.advance(50);
  expect(await found).toEqual(ann);
});

test("nobody waits for a client that is gone", async () => {
  const caller = { cancelled: false };
  const found = tokens.holder("abc.999999", revision, caller);
  caller.cancelled = true;
  clock.advance(50);
  expect(await found).toBeUndefined();
});

test("a user's tokens are forgotten together", () => {
  const [mine, other] = [tokens.issue(login(5)), tokens.issue(login(6, "bob"))];
  tokens.forget("ann");
  expect(tokens.holder(mine, revision, waiter)).toBeUndefined();
  expect(tokens.holder(other, revision, waiter)).toMatchObject({ username: "bob" });
  tokens.forgetAll();
  expect(tokens.holder(other, revision, waiter)).toBeUndefined();
});
