import type { Backend, PackedRecords, ScanBatch, View } from "@kvorum/backends";

/**
 * `backend`, whose scans hand records over packed, as most engines do, and refuse to make arrays of
 * keys and values. What a view has handed out is wiped when the next one is made or the store is
 * closed, which shows who has kept bytes of it.
 */
export function packedBackend(backend: Backend): Backend {
  const handedOut: Uint8Array[] = [];
  const wipe = (): void => {
    for (const bytes of handedOut.splice(0)) bytes.fill(0xee);
  };
  return {
    capabilities: backend.capabilities,
    get: (bucket, key) => backend.get(bucket, key),
    commit: (ops) => backend.commit(ops),
    view: async () => {
      wipe();
      return packedView(await backend.view(), handedOut);
    },
    stat: () => backend.stat(),
    defragment: (onProgress) => backend.defragment(onProgress),
    close: () => {
      wipe();
      return backend.close();
    },
  };
}

function packedView(view: View, handedOut: Uint8Array[]): View {
  return {
    close: () => view.close(),
    async *scan(bucket, range): AsyncGenerator<ScanBatch> {
      for await (const batch of view.scan(bucket, range)) {
        const packed = packedOf(batch);
        handedOut.push(packed.bytes);
        yield new OnlyPacked(packed);
      }
    },
  };
}

class OnlyPacked implements ScanBatch {
  readonly packed: PackedRecords;

  constructor(packed: PackedRecords) {
    this.packed = packed;
  }

  get keys(): never {
    throw new Error("the keys of a packed batch were asked for");
  }

  get values(): never {
    throw new Error("the values of a packed batch were asked for");
  }
}

/** The first record begins at position 5 and a byte that belongs to none stands at the end. */
function packedOf({ keys, values }: ScanBatch): PackedRecords {
  const parts: Uint8Array[] = [Buffer.alloc(5, 0xff)];
  const bounds: number[] = [];
  let at = 5;
  for (let i = 0; i < keys.length; i++) {
    const valueStart = at + keys[i]!.length;
    const valueEnd = valueStart + values[i]!.length;
    bounds.push(at, valueStart, valueEnd);
    parts.push(keys[i]!, values[i]!);
    at = valueEnd;
  }
  parts.push(Buffer.alloc(1, 0xff));
  const bytes = Buffer.concat(parts);
  const recycle = (): void => void bytes.fill(0xee);
  return { count: keys.length, bytes, bounds: new Uint32Array(bounds), recycle };
}
