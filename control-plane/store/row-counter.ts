/** Counts the rows that queries bring, whatever the dialect. */
import type {
  KyselyPlugin,
  PluginTransformQueryArgs,
  PluginTransformResultArgs,
  QueryResult,
  UnknownRow,
} from 'kysely';

export class RowCounter implements KyselyPlugin {
  #read = 0;

  get read(): number {
    return this.#read;
  }

  transformQuery({ node }: PluginTransformQueryArgs): PluginTransformQueryArgs['node'] {
    return node;
  }

  async transformResult({ result }: PluginTransformResultArgs): Promise<QueryResult<UnknownRow>> {
    this.#read += result.rows.length;
    return result;
  }
}
