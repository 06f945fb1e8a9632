/** One axis of a plot. */
export interface Axis {
  /** Where on the axis a value lies, 0 to 1. */
  readonly place: (value: number) => number;
  readonly ticks: readonly { readonly value: number; readonly label: string }[];
  /** With the unit. */
  readonly title: string;
}

/**
 * From 0 to a round number above `most`.
 * @param unit what the numbers are to be round in
 */
export function linearAxis(
  most: number,
  title: string,
  label: (value: number) => string,
  unit = 1,
): Axis {
  const step = unit * roundStep(Math.max(most / unit, Number.MIN_VALUE) / 4);
  const end = Math.max(step, Math.ceil(most / step - 1e-9) * step);
  const count = Math.round(end / step);
  const ticks = Array.from({ length: count + 1 }, (_, i) => ({
    value: i * step,
    label: label(i * step),
  }));
  return { title, ticks, place: (value) => value / end };
}

/** Whole powers of ten from below `least` to above `most`, both above 0. */
export function logAxis(
  bounds: { readonly least: number; readonly most: number },
  title: string,
  label: (value: number) => string,
): Axis {
  const first = Math.floor(Math.log10(bounds.least) + 1e-9);
  const last = Math.max(first + 1, Math.ceil(Math.log10(bounds.most) - 1e-9));
  const ticks = Array.from({ length: last - first + 1 }, (_, i) => {
    const value = 10 ** (first + i);
    return { value, label: label(value) };
  });
  const place = (value: number): number =>
    Math.min(1, Math.max(0, (Math.log10(value) - first) / (last - first)));
  return { title, ticks, place };
}

/** A logarithmic axis with a tick at each of `values`, which grow, and nowhere else. */
export function pointAxis(
  values: readonly number[],
  title: string,
  label: (value: number) => string,
): Axis {
  const [least, most] = [Math.log(values[0] ?? 1), Math.log(values.at(-1) ?? 1)];
  const room = 0.04;
  const place = (value: number): number =>
    most === least ? 0.5 : room + (1 - 2 * room) * ((Math.log(value) - least) / (most - least));
  return { title, place, ticks: values.map((value) => ({ value, label: label(value) })) };
}

/** The binary unit in which so many bytes are said. */
export function bytesUnit(bytes: number): number {
  return 1024 ** Math.max(0, Math.floor(Math.log2(Math.max(1, bytes)) / 10));
}

/** 1, 2 or 5 times a power of ten, at least `value`. */
function roundStep(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= value * (1 - 1e-9));
  return (factor ?? 10) * power;
}
