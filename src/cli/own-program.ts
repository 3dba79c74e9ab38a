/** How this program starts itself: all processes of a node are the same program. */
export const programOf = (): [string, ...string[]] => [
  process.execPath,
  ...process.execArgv,
  process.argv[1] ?? "",
];
