/** A seeded source of random numbers: the same seed gives the same run, on every machine. */
export interface Prng {
  /** Uniform in [0, 1). */
  float(): number;
  /** Uniform integer in [0, bound); `bound` at least 1. */
  below(bound: number): number;
}

/** The generator "sfc32" (Chris Doty-Humphrey, PractRand), seeded from one 32-bit number. */
export function createPrng(seed: number): Prng {
  let a = seed >>> 0;
  let b = (seed ^ 0x9e3779b9) >>> 0;
  let c = (seed ^ 0x243f6a88) >>> 0;
  let counter = 1;
  const next = (): number => {
    const sum = (a + b + counter++) >>> 0;
    a = (b ^ (b >>> 9)) >>> 0;
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0;
    return sum;
  };
  for (let i = 0; i < 15; i++) next();
  return {
    float: () => next() / 2 ** 32,
    below: (bound) => Math.floor((next() / 2 ** 32) * bound),
  };
}
