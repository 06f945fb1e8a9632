import { createPrng, prefixEnd } from "@kvorum/base";
import { BenchError } from "../bench-error.js";
import type { LoadOptions } from "../load/load-options.js";
import type { LoadResult } from "../load/load-result.js";
import type { Tally } from "../load/tally.js";
import type { ClientConnection } from "../wire/connection.js";
import { type Actor, runActors } from "./actors.js";
import { RpcClient } from "./rpc-client.js";
import { WatchCall } from "./watch-call.js";
import type { Workload } from "./workload.js";

const NODES = 200;
const OBJECTS = 5000;
const OBJECT_BYTES = 2048;
const LEASE_TTL_SECONDS = 3600;
const PAGE = 500;
/** Watch streams as an API server opens them: a few for each kind of object. */
const WATCHERS = 60;
const PREFIX = "/registry/";

/**
 * What an API server asks of its store, in one mix: nodes renew their leases by compare-and-put
 * (six of ten steps), objects are read (two) and updated by compare-and-put (one and a half), pages
 * of a kind are listed (a half), an event is put with a time to live now and then; all of it is
 * watched.
 */
export const KUBERNETES: Workload = {
  name: "kubernetes",
  title: `Kubernetes-like: ${NODES} nodes, ${OBJECTS} objects, ${WATCHERS} watches`,
  needsFill: false,
  run: ({ load }) => runKubernetes(load),
};

async function runKubernetes(load: LoadOptions): Promise<LoadResult> {
  const prng = createPrng(load.seed);
  const body = Buffer.from(Array.from({ length: OBJECT_BYTES }, () => 32 + prng.below(90)));
  const end = prefixEnd(Buffer.from(`${PREFIX}pods/`));
  let events = 0;
  let lost = 0;
  let lease = 0n;

  const update = async ({ client }: Actor, key: Buffer): Promise<void> => {
    const [known] = (await client.range({ key })).kvs;
    body.writeUInt32LE(prng.below(2 ** 32), 0);
    const modRevision = known?.modRevision ?? 0;
    if (!(await client.compareAndPut(key, modRevision, body))) lost++;
  };
  const step = async (actor: Actor): Promise<void> => {
    const dice = prng.below(100);
    const pod = objectKey(prng.below(OBJECTS));
    if (dice < 60) await update(actor, Buffer.from(`${PREFIX}leases/node-${actor.index}`));
    else if (dice < 80) await readObject(actor.client, pod);
    else if (dice < 95) await update(actor, pod);
    else if (dice < 99) await listPage(actor.client, pod, end);
    else {
      const key = Buffer.from(`${PREFIX}events/${prng.below(1000)}`);
      await actor.client.put({ key, value: body, lease });
    }
  };
  const prepare = async (clients: readonly ClientConnection[], tally: Tally): Promise<void> => {
    lease = await new RpcClient(clients[0]!).grantLease(LEASE_TTL_SECONDS);
    await putObjects(clients, body);
    await openWatches(clients, tally, (count) => {
      events += count;
    });
  };
  const figures = (): Record<string, number> => ({
    eventsPerSecond: events / (load.seconds + load.warmupSeconds),
    lostRaces: lost,
  });
  return runActors({ load, count: NODES, prepare, step, figures });
}

function objectKey(number: number): Buffer {
  return Buffer.from(`${PREFIX}pods/ns/pod-${String(number).padStart(6, "0")}`);
}

async function readObject(client: RpcClient, key: Buffer): Promise<void> {
  const { kvs } = await client.range({ key });
  if (kvs.length !== 1) throw new BenchError("CHECK", `an object was read ${kvs.length} times`);
}

async function listPage(client: RpcClient, from: Buffer, rangeEnd: Buffer): Promise<void> {
  const { kvs, count } = await client.range({ key: from, rangeEnd, limit: PAGE });
  if (kvs.length !== Math.min(PAGE, count)) {
    throw new BenchError("CHECK", `a page of ${PAGE} of ${count} objects held ${kvs.length}`);
  }
}

async function putObjects(clients: readonly ClientConnection[], body: Buffer): Promise<void> {
  let next = 0;
  const putSome = async (connection: ClientConnection): Promise<void> => {
    const client = new RpcClient(connection);
    while (next < OBJECTS) await client.put({ key: objectKey(next++), value: body });
  };
  await Promise.all(clients.flatMap((client) => [1, 2, 3, 4].map(() => putSome(client))));
}

/** Every watch sees one kind; the API server's cache sends what it gets on to its own clients. */
function openWatches(
  clients: readonly ClientConnection[],
  tally: Tally,
  onEvents: (count: number) => void,
): Promise<void> {
  const kinds = ["pods", "leases", "events"];
  let ready = 0;
  return new Promise((resolve) => {
    for (let i = 0; i < WATCHERS; i++) {
      const key = Buffer.from(`${PREFIX}${kinds[i % kinds.length]}/`);
      const call = new WatchCall({
        ...{ watchers: 1, key, rangeEnd: prefixEnd(key), onEvents },
        onReady: () => ++ready === WATCHERS && resolve(),
        onFault: (fault) => tally.error(fault),
      });
      clients[i % clients.length]!.start(call);
    }
    for (const client of clients) client.flush();
  });
}
