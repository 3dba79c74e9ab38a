// Colour, and where it is used: only on a terminal, and never as the only bearer of meaning (every coloured word says it too).

export interface Style {
  readonly bold: Paint;
  readonly dim: Paint;
  readonly red: Paint;
  readonly green: Paint;
  readonly yellow: Paint;
  readonly cyan: Paint;
  /** Columns of the screen. */
  readonly width: number;
}

export type Paint = (text: string) => string;

const WIDTH_WITHOUT_TERMINAL = 120;

const same: Paint = (text) => text;
const paint =
  (on: number, off: number): Paint =>
  (text) =>
    `\u001b[${on}m${text}\u001b[${off}m`;

export const PLAIN: Style = {
  ...{ bold: same, dim: same, red: same, green: same, yellow: same, cyan: same },
  width: WIDTH_WITHOUT_TERMINAL,
};

const COLOURED: Style = {
  ...{ bold: paint(1, 22), dim: paint(2, 22), red: paint(31, 39), green: paint(32, 39) },
  ...{ yellow: paint(33, 39), cyan: paint(36, 39) },
  width: WIDTH_WITHOUT_TERMINAL,
};

export function styleFor(
  stream: { readonly isTTY?: boolean; readonly columns?: number },
  color: boolean,
): Style {
  const width =
    stream.isTTY === true && stream.columns !== undefined ? stream.columns : WIDTH_WITHOUT_TERMINAL;
  return { ...(color && stream.isTTY === true ? COLOURED : PLAIN), width };
}
