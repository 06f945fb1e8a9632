/** "secondsPerRun" as "seconds per run". */
export function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** A heading as the target of a link. */
export function anchorOf(heading: string): string {
  return heading.toLowerCase().replace(/[^a-z0-9@]+/g, "-");
}

/** Short numbers for axes: "20k", "1.5M". */
export function compact(value: number): string {
  if (value >= 1e6) return `${Number((value / 1e6).toPrecision(3))}M`;
  if (value >= 1e3) return `${Number((value / 1e3).toPrecision(3))}k`;
  return String(Number(value.toPrecision(3)));
}
