/** The newest snapshot of each group, in memory: written by `publish`, read by the streams. */
import type { Snapshot, SnapshotSource } from './snapshot.ts';

export class SnapshotCache implements SnapshotSource {
  readonly #snapshots = new Map<string, Snapshot>();
  readonly #watchers = new Map<string, Set<() => void>>();

  get(group: string): Snapshot | undefined {
    return this.#snapshots.get(group);
  }

  groups(): string[] {
    return [...this.#snapshots.keys()];
  }

  /** Replaces the group's snapshot and tells its watchers. */
  set(snapshot: Snapshot): void {
    this.#snapshots.set(snapshot.group, snapshot);
    this.#tell(snapshot.group);
  }

  /** Streams of the group are told that all is gone; new ones hear nothing until it is set again. */
  remove(group: string): void {
    if (this.#snapshots.delete(group)) this.#tell(group);
  }

  watch(group: string, onChange: () => void): () => void {
    let watchers = this.#watchers.get(group);
    if (watchers === undefined) this.#watchers.set(group, (watchers = new Set()));
    // a function of its own, so that one callback may watch twice
    const watcher = (): void => onChange();
    watchers.add(watcher);
    return () => {
      watchers.delete(watcher);
      if (watchers.size === 0 && this.#watchers.get(group) === watchers) this.#watchers.delete(group);
    };
  }

  #tell(group: string): void {
    for (const watcher of this.#watchers.get(group) ?? []) watcher();
  }
}
