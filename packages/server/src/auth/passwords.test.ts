import { expect, test } from "vitest";
import { hashNow, Passwords } from "./passwords.js";

const passwords = new Passwords(4);
const bytes = (text: string) => Buffer.from(text, "latin1");

test("a password matches its hash and no other", async () => {
  const hash = await passwords.hash("s\u00e9cret");
  expect(hash).toMatch(/^\$2a\$04\$.{53}$/);
  expect(await passwords.matches("s\u00e9cret", bytes(hash))).toBe(true);
  expect(await passwords.matches("secret", bytes(hash))).toBe(false);
  expect(await passwords.hash("s\u00e9cret")).not.toBe(hash);
  expect(await passwords.matches("now", bytes(hashNow("now")))).toBe(true);
});

test("the empty password has a hash; what is no hash matches nothing", async () => {
  expect(await passwords.matches("", bytes(await passwords.hash("")))).toBe(true);
  for (const stored of ["", "junk", "$2a$04$short"]) {
    expect(await passwords.matches("", bytes(stored)), stored).toBe(false);
  }
});

test("more than 72 bytes are refused", async () => {
  await expect(passwords.hash("x".repeat(73))).rejects.toThrow(
    "bcrypt: password length exceeds 72 bytes",
  );
  await passwords.hash("x".repeat(72));
});

test("many wait their turn and all are answered", async () => {
  const hash = bytes(await passwords.hash("p"));
  const answers = Array.from({ length: 40 }, (_, i) => passwords.matches(i % 2 ? "p" : "q", hash));
  expect((await Promise.all(answers)).filter(Boolean)).toHaveLength(20);
});
