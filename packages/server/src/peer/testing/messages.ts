import { createPrng, type Prng } from "@kvorum/base";
import { type Entry, type Message, MessageType } from "@kvorum/raft";

const NOTHING: Message = {
  type: MessageType.HeartbeatResp,
  to: 0n,
  from: 0n,
  term: 0,
  logTerm: 0,
  index: 0,
  entries: [],
  commit: 0,
  snapshot: undefined,
  reject: false,
  rejectHint: 0,
  context: new Uint8Array(0),
};

/** A message with the given fields, all others empty. */
export function messageOf(fields: Partial<Message>): Message {
  return { ...NOTHING, ...fields };
}

/** An append of `count` entries behind `index`, all of `term`. */
export function appendOf(
  fields: Partial<Message> & { readonly index: number; readonly term: number },
  { count, dataBytes = 16 }: { readonly count: number; readonly dataBytes?: number },
): Message {
  const entries: Entry[] = [];
  for (let i = 1; i <= count; i++) {
    const data = Buffer.alloc(dataBytes, fields.index + i);
    entries.push({ type: 0, term: fields.term, index: fields.index + i, data });
  }
  return messageOf({ type: MessageType.App, logTerm: fields.term, commit: 1, ...fields, entries });
}

/** Seed of a random test: KVORUM_SEED, or a new one, which is printed. */
export function takeSeed(): number {
  const seed = Number(process.env.KVORUM_SEED ?? Math.floor(Math.random() * 2 ** 32));
  console.log(`KVORUM_SEED=${seed}`);
  return seed;
}

/** Any message, with numbers of any size and every field now and then. */
export function randomMessage(prng: Prng): Message {
  const count = prng.below(4) === 0 ? prng.below(20) : 0;
  return messageOf({
    type: prng.below(24) as Message["type"],
    to: randomId(prng),
    from: randomId(prng),
    term: randomNumber(prng),
    logTerm: randomNumber(prng),
    index: randomNumber(prng),
    entries: Array.from({ length: count }, () => randomEntry(prng)),
    commit: randomNumber(prng),
    snapshot: prng.below(5) === 0 ? randomSnapshot(prng) : undefined,
    reject: prng.below(2) === 0,
    rejectHint: randomNumber(prng),
    context: randomBytes(prng, prng.below(3) === 0 ? 20 : 0),
  });
}

export function randomEntry(prng: Prng): Entry {
  const type = prng.below(3) as Entry["type"];
  const data = randomBytes(prng, prng.below(10) === 0 ? 20_000 : prng.below(300));
  return { type, term: randomNumber(prng), index: randomNumber(prng), data };
}

function randomSnapshot(prng: Prng): NonNullable<Message["snapshot"]> {
  const ids = () => Array.from({ length: prng.below(4) }, () => randomId(prng));
  return {
    data: randomBytes(prng, prng.below(100)),
    metadata: {
      confState: {
        voters: ids(),
        learners: ids(),
        votersOutgoing: ids(),
        learnersNext: ids(),
        autoLeave: prng.below(2) === 0,
      },
      index: 1 + randomNumber(prng),
      term: randomNumber(prng),
    },
  };
}

/** Of 0 to 52 bits. */
function randomNumber(prng: Prng): number {
  return Math.floor(prng.float() * 2 ** prng.below(53));
}

/** Of 0 to 64 bits. */
function randomId(prng: Prng): bigint {
  const full = (BigInt(prng.below(2 ** 32)) << 32n) | BigInt(prng.below(2 ** 32));
  return full >> BigInt(prng.below(65));
}

function randomBytes(prng: Prng, length: number): Buffer {
  const bytes = Buffer.alloc(length);
  const fill = createPrng(prng.below(2 ** 32));
  for (let i = 0; i < length; i++) bytes[i] = fill.below(256);
  return bytes;
}
