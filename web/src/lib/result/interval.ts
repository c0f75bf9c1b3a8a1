/** The axis on which an interval of velocities is drawn. */

export interface Axis {
  readonly low: number;
  readonly high: number;
  readonly ticks: readonly number[];
}

/** A round step that cuts a span into about `parts`: 1, 2 or 5 times a power of ten. */
function roundStep(span: number, parts: number): number {
  const raw = span / parts;
  const power = 10 ** Math.floor(Math.log10(raw));
  const factor = [1, 2, 5, 10].find((candidate) => candidate * power >= raw) ?? 10;
  return factor * power;
}

/** A round axis in km/s around these velocities, with zero always on it and some air at both ends. */
export function axisFor(velocities: readonly number[]): Axis {
  const finite = velocities.filter(Number.isFinite);
  const low = Math.min(0, ...finite);
  const high = Math.max(0, ...finite);
  const span = Math.max(high - low, 1);
  const step = roundStep(span * 1.1, 5);
  const first = Math.floor((low - span * 0.05) / step);
  const last = Math.ceil((high + span * 0.05) / step);
  const ticks = Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
  return { low: first * step, high: last * step, ticks };
}

export function axisPercent(axis: Axis, velocity: number): number {
  return ((velocity - axis.low) / (axis.high - axis.low)) * 100;
}
