/** A process that was started with an IPC channel lives and stops with whoever started it. */

/**
 * Stops as SIGTERM would when the other end of the channel is gone, whichever way it ended; after `graceMs` the hard way.
 * Does nothing in a process that was started without a channel.
 */
export function stopWithParent(graceMs = 10_000): void {
  if (process.channel === undefined || process.send === undefined) return;
  // Whoever only asks a question must not hang on the channel.
  process.channel.unref();
  process.on('disconnect', () => {
    process.kill(process.pid, 'SIGTERM');
    setTimeout(() => process.exit(1), graceMs).unref();
  });
}

/**
 * Tells whoever started this process of each signal that reaches it. A command that has not said yet what a signal
 * means to it is ended by it, as without this.
 */
export function reportSignals(): void {
  if (process.channel === undefined) return;
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    const report = (): void => {
      if (process.connected) process.send?.({ signal });
      if (process.listenerCount(signal) > 1) return;
      process.off(signal, report);
      process.kill(process.pid, signal);
    };
    process.on(signal, report);
  }
}
