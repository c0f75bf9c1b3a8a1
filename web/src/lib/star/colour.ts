/** The colour and kind of a star, from its temperature and surface gravity. */

export interface Colour {
  readonly r: number;
  readonly g: number;
  readonly b: number;
}

const COOLEST = 1667;
const HOTTEST = 25_000;

/** Chromaticity of a black body: Kim et al. 2002 (US patent 7024034), valid from 1667 to 25000 K. */
function chromaticity(kelvin: number): [number, number] {
  const t = 1000 / kelvin;
  const x =
    kelvin <= 4000
      ? -0.2661239 * t ** 3 - 0.234358 * t ** 2 + 0.8776956 * t + 0.17991
      : -3.0258469 * t ** 3 + 2.1070379 * t ** 2 + 0.2226347 * t + 0.24039;
  if (kelvin <= 2222) return [x, -1.1063814 * x ** 3 - 1.3481102 * x ** 2 + 2.18555832 * x - 0.20219683];
  if (kelvin <= 4000) return [x, -0.9549476 * x ** 3 - 1.37418593 * x ** 2 + 2.09137015 * x - 0.16748867];
  return [x, 3.081758 * x ** 3 - 5.8733867 * x ** 2 + 3.75112997 * x - 0.37001483];
}

const gamma = (linear: number): number => (linear <= 0.0031308 ? 12.92 * linear : 1.055 * linear ** (1 / 2.4) - 0.055);

/** sRGB colour (0..255) of a black body, as bright as the screen can show it; beyond 1667..25000 K the nearest. */
export function blackBodyColour(kelvin: number): Colour {
  const [x, y] = chromaticity(Math.min(HOTTEST, Math.max(COOLEST, kelvin)));
  const [bigX, bigZ] = [x / y, (1 - x - y) / y];
  const linear = [
    3.2404542 * bigX - 1.5371385 - 0.4985314 * bigZ,
    -0.969266 * bigX + 1.8760108 + 0.041556 * bigZ,
    0.0556434 * bigX - 0.2040259 + 1.0572252 * bigZ,
  ].map((value) => Math.max(0, value));
  const brightest = Math.max(...linear);
  const [r, g, b] = linear.map((value) => Math.round(255 * gamma(value / brightest)));
  return { r: r ?? 0, g: g ?? 0, b: b ?? 0 };
}

/** A deeper shade of the same hue, for the limb and the glow, where an eye expects more colour than at the centre. */
export function deeper({ r, g, b }: Colour): Colour {
  const squared = (channel: number): number => Math.round((channel * channel) / 255);
  return { r: squared(r), g: squared(g), b: squared(b) };
}

export function css({ r, g, b }: Colour, alpha = 1): string {
  return alpha === 1 ? `rgb(${r} ${g} ${b})` : `rgb(${r} ${g} ${b} / ${alpha})`;
}

const CLASSES: readonly [number, string, string][] = [
  [30_000, 'O', 'blue'],
  [10_000, 'B', 'blue-white'],
  [7_500, 'A', 'white'],
  [6_000, 'F', 'yellow-white'],
  [5_200, 'G', 'yellowish'],
  [3_700, 'K', 'orange'],
  [0, 'M', 'red'],
];

/** The kind of star in words, for example "Class G dwarf, yellow"; null where the temperature is not known. */
export function kindOfStar(teff: number | null, logg: number | null): string | null {
  const entry = teff !== null && teff > 0 ? CLASSES.find(([from]) => teff >= from) : undefined;
  if (!entry) return null;
  const [, letter, colour] = entry;
  if (logg !== null && logg >= 6.5) return 'White dwarf';
  if (logg === null) return `Class ${letter} star, ${colour}`;
  return `Class ${letter} ${logg < 3.6 ? 'giant' : 'dwarf'}, ${colour}`;
}

/** Radius to draw, 0..1: giants large, white dwarfs small. A picture, not to scale. */
export function drawnRadius(logg: number | null): number {
  const gravity = logg ?? 4.4;
  return Math.min(1, Math.max(0.22, 1 - gravity * 0.1));
}
