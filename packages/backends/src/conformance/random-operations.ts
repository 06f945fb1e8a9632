import assert from "node:assert/strict";
import { createPrng, type Prng } from "@kvorum/base";
import { type Backend, BUCKETS, type Op, type ScanRange, type View } from "../port.js";
import { type ConformanceContext, collect, collectNow, hex } from "./context.js";
import { Model, noise } from "./model.js";

const OPERATIONS = 100_000;
const COMMIT_OPS = 1_500;
const VIEWS_MAX = 3;

/** Random operations on few keys, so that they collide; compared with the model all along. */
export function testRandomOperations(context: ConformanceContext): void {
  context.test("100,000 random operations agree with the model", async (engine, directory) => {
    console.log(`conformance: KVORUM_SEED=${context.seed} (${engine.name})`);
    const prng = createPrng(context.seed);
    const model = new Model();
    let views: { readonly view: View; readonly model: Model }[] = [];
    let store = await engine.open({ directory });
    for (let done = 0; done < OPERATIONS; ) {
      const ops = randomOps(prng, 1 + prng.below(COMMIT_OPS));
      done += ops.length;
      await store.commit(ops);
      model.apply(ops);
      checkGets(store, model, prng);
      if (views.length < VIEWS_MAX && prng.below(8) === 0) {
        views.push({ view: await store.view(), model: model.copy() });
      }
      if (prng.below(10) === 0) {
        await checkViews(views, prng);
        views = [];
      }
      if (prng.below(40) === 0 && engine.capabilities.persistent) {
        await checkViews(views, prng);
        views = [];
        await store.close();
        store = await engine.open({ directory });
      }
    }
    await checkViews(views, prng);
    for (const bucket of BUCKETS) {
      assert.deepEqual(await collectNow(store, bucket), model.scan(bucket));
    }
    await store.close();
  });
}

function randomOps(prng: Prng, count: number): Op[] {
  const ops: Op[] = [];
  for (let i = 0; i < count; i++) {
    ops.push({
      bucket: BUCKETS[prng.below(BUCKETS.length)]!,
      key: randomKey(prng),
      value: prng.below(4) === 0 ? undefined : noise(prng.below(120), prng.below(2 ** 31)),
    });
  }
  return ops;
}

function checkGets(store: Backend, model: Model, prng: Prng): void {
  for (let i = 0; i < 50; i++) {
    const bucket = BUCKETS[prng.below(BUCKETS.length)]!;
    const key = randomKey(prng);
    const value = store.get(bucket, key);
    assert.equal(value && hex(value), model.get(bucket, key));
  }
}

async function checkViews(
  views: readonly { readonly view: View; readonly model: Model }[],
  prng: Prng,
): Promise<void> {
  for (const { view, model } of views) {
    for (let i = 0; i < 5; i++) {
      const bucket = BUCKETS[prng.below(BUCKETS.length)]!;
      const range: ScanRange = {
        start: prng.below(3) === 0 ? undefined : randomKey(prng),
        end: prng.below(3) === 0 ? undefined : randomKey(prng),
      };
      assert.deepEqual(await collect(view, bucket, range), model.scan(bucket, range));
    }
    await view.close();
  }
}

/** One of some thousand keys; now and then a long one, most of those with a common head. */
function randomKey(prng: Prng): Buffer {
  if (prng.below(100) === 0) {
    const length = 1_000 + prng.below(60);
    return Buffer.concat([Buffer.alloc(length, 0x61), Buffer.of(prng.below(3))]);
  }
  const length = 1 + prng.below(4);
  const key = Buffer.alloc(length);
  for (let i = 0; i < length; i++) key[i] = KEY_BYTES[prng.below(KEY_BYTES.length)]!;
  return key;
}

const KEY_BYTES = [0x00, 0x01, 0x5f, 0x61, 0x7f, 0x80, 0xfe, 0xff];
