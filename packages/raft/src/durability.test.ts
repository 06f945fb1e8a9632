import { expect, it } from "vitest";
import { Durability } from "./durability.js";

it("acknowledges saves in order", () => {
  const durability = new Durability(3);
  durability.begin(5);
  durability.begin(7);
  expect(durability).toMatchObject({ durable: 3, handed: 7 });
  durability.end();
  expect(durability.durable).toBe(5);
  durability.end();
  expect(durability.durable).toBe(7);
});

it("forgets what was durable and is cut away", () => {
  const durability = new Durability(9);
  durability.truncate(6);
  expect(durability).toMatchObject({ durable: 6, handed: 6 });
});

it("isn't deceived when equal entries come back while older saves are under way", () => {
  const durability = new Durability(1);
  durability.begin(3); // 2 and 3 of term 1
  durability.truncate(1);
  durability.begin(2); // 2 of term 2
  durability.truncate(1);
  durability.begin(3); // 2 and 3 of term 1 again
  durability.end();
  expect(durability.durable).toBe(1);
  durability.end();
  expect(durability.durable).toBe(1);
  durability.end();
  expect(durability.durable).toBe(3);
});

it("counts nothing saved before a snapshot took the place of the log", () => {
  const durability = new Durability(4);
  durability.begin(6);
  durability.restore(20);
  durability.begin(21);
  durability.end();
  expect(durability.durable).toBe(0);
  durability.end();
  expect(durability.durable).toBe(21);
});
