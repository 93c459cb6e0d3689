/** What the store's thread and the embedded engine's thread say to each other. */

export interface EngineSettings {
  /** PostgreSQL's data folder. */
  readonly folder: string;
}

export type ToEngine =
  | { readonly id: number; readonly sql: string; readonly parameters: readonly unknown[] }
  | { readonly id: number; readonly close: true };

export type FromEngine =
  | { readonly ready: true }
  /** It never came up, or died: nothing more will be answered. */
  | { readonly died: EngineFault }
  | { readonly id: number; readonly rows: readonly unknown[]; readonly affected: number; readonly command: string }
  | { readonly id: number; readonly fault: EngineFault };

export interface EngineFault {
  /** SQLSTATE or errno name; empty: none. */
  readonly code: string;
  readonly message: string;
}

/** An {@link EngineFault} as an error, for whoever asked. */
export class EngineError extends Error {
  readonly code: string;
  constructor({ code, message }: EngineFault) {
    super(message);
    this.name = 'EngineError';
    this.code = code;
  }
}
