/** Numbers as people read them. The minus sign is U+2212, as wide as a plus. */

const MINUS = '−';

export function decimal(value: number, digits: number): string {
  return value
    .toLocaleString('en-US', { minimumFractionDigits: digits, maximumFractionDigits: digits })
    .replace('-', MINUS);
}

/** With its sign always; what rounds to zero has none. */
export function signed(value: number, digits = 1): string {
  const rounded = decimal(value, digits);
  if (!/[1-9]/.test(rounded)) return rounded.replace(MINUS, '');
  return value > 0 ? `+${rounded}` : rounded;
}

export interface Scientific {
  readonly mantissa: string;
  readonly exponent: string;
}

/** A number as mantissa and power of ten, for example +1.23 and −4. */
export function scientific(value: number, digits = 2): Scientific {
  const [mantissa = '0', exponent = '0'] = value.toExponential(digits).split('e');
  return { mantissa: signed(Number(mantissa), digits), exponent: exponent.replace('+', '').replace('-', MINUS) };
}

/** The same in one line of speech: "+1.23 times ten to the −4". */
export function spokenScientific(value: number): string {
  const { mantissa, exponent } = scientific(value);
  return `${mantissa} times ten to the ${exponent}`;
}

/** The hour of what happened today, the day of what did not, as the reader's country writes them. */
export function moment(at: number, now: number, locale?: string): string {
  const then = new Date(at);
  return then.toDateString() === new Date(now).toDateString()
    ? then.toLocaleTimeString(locale, { hour: '2-digit', minute: '2-digit' })
    : then.toLocaleDateString(locale, { day: 'numeric', month: 'short' });
}

/** Three significant digits: "139", "1,610", "0.045". */
export function rounded(value: number): string {
  return value.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}
