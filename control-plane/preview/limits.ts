/** Bounds of a preview, which is made beside the streams of the control plane; all ours. */
export const limits = {
  /** Entries of tables that are built for one request: half a second of it at most. */
  tableEntries: 2_000_000,
  /** Keys whose endpoints are compared: shares are right to half a percent. */
  keys: 20_000,
  /** Steps that are taken before others have their turn: one to three milliseconds. */
  stepsATurn: 8,
} as const;
