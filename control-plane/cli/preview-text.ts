/** What a dry run says of a cluster, in lines for people. */
import { paint } from './output.ts';

interface EndpointLoad {
  readonly endpoint: string;
  /** Of its fair share, as `104.2%`. */
  readonly load: string;
}

/** What a change would do to those who use a cluster. */
export interface ClusterPreview {
  readonly cluster: string;
  readonly tenant?: string;
  /** As `12.3%`. */
  readonly movedKeys?: string;
  readonly skew?: { readonly most: EndpointLoad; readonly least: EndpointLoad };
  readonly tablesLeftOut?: boolean;
  readonly panic: {
    readonly threshold: string;
    readonly crosses: boolean;
    readonly priorities: readonly {
      readonly priority: number;
      readonly endpoints: number;
      readonly well: number;
      readonly inPanic: boolean;
      readonly mayFail: { readonly before?: number; readonly after: number };
    }[];
  };
}

/** Nothing of what stays as it was. */
export function describePreview({ movedKeys, skew, tablesLeftOut, panic }: ClusterPreview): string[] {
  const keys = [
    ...(movedKeys === undefined ? [] : [`${movedKeys} of the keys move`]),
    ...(skew === undefined ? [] : [`loads from ${loadText(skew.least)} to ${loadText(skew.most)} of a fair share`]),
    ...(tablesLeftOut ? ['its tables are too large for a preview of keys'] : []),
  ];
  const panics = panic.priorities.flatMap((one) => panicText(one, panic, panic.priorities.length > 1));
  return [...(keys.length === 0 ? [] : [keys.join('; ')]), ...panics].map((line) => `  ${line}`);
}

function loadText({ endpoint, load }: EndpointLoad): string {
  return `${load} (${endpoint})`;
}

type Panic = ClusterPreview['panic'];

function panicText(
  { priority, endpoints, well, inPanic, mayFail }: Panic['priorities'][number],
  { threshold, crosses }: Panic,
  named: boolean,
): string[] {
  const where = named ? `priority ${priority}: ` : '';
  if (inPanic) {
    const news = crosses ? ', by this change' : '';
    return [paint('red', `${where}in panic${news}: ${well} of ${endpoints} endpoints are well, under ${threshold}`)];
  }
  if (mayFail.before === undefined || mayFail.before === mayFail.after) return [];
  const style = mayFail.after < mayFail.before ? 'yellow' : 'green';
  return [
    paint(style, `${where}${mayFail.after} of ${well} endpoints may fail before it panics (now ${mayFail.before})`),
  ];
}
