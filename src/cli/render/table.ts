// Tables for people: two spaces between columns, no borders, numbers to the right, ASCII. The last column is not padded, so
// that nothing ends in spaces; a row that is too wide for the screen is left to the terminal.

import type { Paint, Style } from "./style.ts";

export interface Column {
  readonly title: string;
  readonly right?: true;
}

export type Cell = string | { readonly text: string; readonly paint: Paint };

const textOf = (cell: Cell | undefined): string => (typeof cell === "string" ? cell : (cell?.text ?? ""));

/** Control characters in a name or reason must not move the cursor. */
// oxlint-disable-next-line no-control-regex -- control characters are what is taken out
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;
const flat = (text: string): string => text.replaceAll(CONTROL, " ");

export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[], style: Style): string {
  const widths = columns.map(({ title }, index) =>
    Math.max(title.length, ...rows.map((row) => textOf(row[index]).length)),
  );
  const line = (cells: readonly Cell[]): string =>
    cells
      .map((cell, index) => {
        const text = flat(textOf(cell));
        const space = " ".repeat(Math.max(0, (widths[index] ?? 0) - text.length));
        const painted = typeof cell === "string" ? text : cell.paint(text);
        if (columns[index]?.right === true) return space + painted;
        return index === cells.length - 1 ? painted : painted + space;
      })
      .join("  ")
      .trimEnd();
  const head = columns.map(({ title }) => ({ text: title, paint: style.dim }));
  return [line(head), ...rows.map(line)].join("\n");
}

/** "name  value" lines. */
export function pairs(rows: readonly (readonly [string, Cell] | undefined)[], style: Style): string {
  const given = rows.filter((row) => row !== undefined);
  const width = Math.max(...given.map(([name]) => name.length));
  return given
    .map(([name, cell]) => {
      const text = flat(textOf(cell));
      return `${style.dim(name.padEnd(width))}  ${typeof cell === "string" ? text : cell.paint(text)}`;
    })
    .join("\n");
}
