/**
 * Preloaded into a control plane (`--import`): it waits five seconds for acknowledgements. By itself it goes on after half
 * a second (docs/decisions/2026-11-21-make-before-break.md), in which a proxy on a busy machine may stand still.
 */
import { limits } from '../../control-plane/xds/limits.ts';

Object.assign(limits, { ackWaitMs: 5_000, removalWaitMs: 60_000 });
