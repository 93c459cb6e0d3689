/** The command line: what can be said, and what each word starts. */
import { Command, InvalidArgumentError, Option } from 'commander';
import type { SettingsFlags } from '../settings.ts';
import { version } from '../version.ts';
import { type ApplyCommandOptions, apply, type DiffCommandOptions, deleteFiles, deleteOne, diff } from './apply.ts';
import { type ConnectionOptions, connect, withConnection } from './context.ts';
import { drainNode, undrainNode } from './drain.ts';
import { CliError } from './errors.ts';
import { type GetOptions, get } from './get.ts';
import { print } from './output.ts';
import { status } from './status.ts';
import { createToken, listTokens, revokeToken } from './token.ts';

interface TenantOptions {
  readonly tenant?: string;
  readonly namespace?: string;
}

export function makeProgram(environment: NodeJS.ProcessEnv): Command {
  const root = new Command('fairlead')
    .description('An Envoy-style xDS control plane and the fleet of proxies that it steers.')
    .version(version, '-V, --version')
    .configureHelp({ showGlobalOptions: true })
    .showHelpAfterError('(add --help for what can be said)')
    .exitOverride();
  addServers(root, environment);
  addDocuments(root, environment);
  addFleet(root, environment);
  addTokens(root, environment);
  return root;
}

function addServers(root: Command, environment: NodeJS.ProcessEnv): void {
  withServer(root.command('up'))
    .description('everything on this machine: control plane with the embedded store; --demo adds a fleet and backends')
    .option('--demo', 'two L7 nodes behind an L4 node, four backends, and the documents that join them')
    .option('--port-offset <number>', 'add this to every port of the demo (8080-8082, 9001-9004, 7072)', portOffset)
    .action(async (options: SettingsFlags & { demo?: boolean; portOffset?: number }) => {
      const { up } = await import('./up.ts');
      await up(options, environment);
    });

  withServer(root.command('control-plane'))
    .description('one control-plane replica (any number share one Postgres)')
    .option('--xds-cert <file>', 'certificate of the xDS port, PEM: it then speaks TLS (FAIRLEAD_XDS_CERT)')
    .option('--xds-key <file>', 'its private key, PEM (FAIRLEAD_XDS_KEY)')
    .option('--xds-client-ca <file>', 'authority that vouches for nodes with certificates (FAIRLEAD_XDS_CLIENT_CA)')
    .option('--database-url <url>', 'Postgres to keep the documents in (DATABASE_URL; default: embedded, in --home)')
    .option('--admin-token <token>', 'bootstrap administrator token (FAIRLEAD_ADMIN_TOKEN)')
    .action(async (options: SettingsFlags) => {
      const { main } = await import('../main.ts');
      await main(options, environment);
    });

  root
    .command('data-plane')
    .description('one data-plane node; fairlead data-plane --help says what can be said')
    .usage(
      '--group G --id ID --xds HOST:PORT[,HOST:PORT…] [--bind LISTENER=ADDR:PORT]… [--limit NAME=N]… [--concurrency N]\n       fairlead data-plane uninstall --id ID',
    )
    .helpOption(false);
}

function addDocuments(root: Command, environment: NodeJS.ProcessEnv): void {
  withConnection(root.command('apply'))
    .description('apply documents: one transaction, one revision')
    .addOption(fileOption().makeOptionMandatory())
    .option('-R, --recursive', 'take the folders below a folder as well')
    .option('--dry-run', 'say what would happen, change nothing')
    .option('--prune', 'remove what an earlier apply of the same set brought and this one no longer holds')
    .option('--set <name>', 'name of the set (default: default)')
    .option('--wait', 'follow until every connected node has taken it')
    .option('--timeout <seconds>', 'how long --wait waits', wholeNumber, 60)
    .action(async (options: Omit<ApplyCommandOptions, 'timeoutMs'> & ConnectionOptions & { timeout: number }) =>
      apply(connect(options, environment), { ...options, timeoutMs: options.timeout * 1_000 }),
    );

  withConnection(root.command('diff'))
    .description(
      'what apply would change, field by field, and what that does to keys; ends with 1 if there is anything',
    )
    .addOption(fileOption().makeOptionMandatory())
    .option('-R, --recursive', 'take the folders below a folder as well')
    .option('--prune', 'count what apply --prune would remove')
    .option('--set <name>', 'name of the set (default: default)')
    .action(async (options: DiffCommandOptions & ConnectionOptions) => {
      if (await diff(connect(options, environment), options)) process.exitCode = 1;
    });

  withConnection(withTenant(root.command('get')))
    .description('show documents: fairlead get routes; fairlead get route orders --tenant checkout -o yaml')
    .argument('<kind>', 'tenants, nodegroups, listeners, clusters, routes, l4routes or healthpolicies')
    .argument('[name]', 'one of them; default: all')
    .option('-l, --selector <labels>', 'only documents with these labels, for example app=shop,tier!=old')
    .option('--host <host>', 'only routes that requests for this host are tried against')
    .option('--ordered', 'with --host: in the order in which they are tried, as they then always are')
    .addOption(outputOption(['table', 'yaml', 'json']))
    .action(async (kind: string, name: string | undefined, options: GetOptions & TenantOptions & ConnectionOptions) =>
      get(connect(options, environment), kind, name, { ...options, ...tenantOf(options) }),
    );

  withConnection(withTenant(root.command('delete')))
    .description('delete a document, or all that are in a file')
    .argument('[kind]')
    .argument('[name]')
    .addOption(fileOption())
    .option('-R, --recursive', 'take the folders below a folder as well')
    .option('--dry-run', 'say what would happen, change nothing')
    .action(
      async (
        kind: string | undefined,
        name: string | undefined,
        options: TenantOptions & ConnectionOptions & { file?: string[]; recursive?: boolean; dryRun?: boolean },
      ) => {
        const client = connect(options, environment);
        const { file, recursive = false, dryRun = false } = options;
        if ((kind === undefined) === (file === undefined)) {
          throw new CliError('Write either KIND NAME or -f FILE.', { exitCode: 2 });
        }
        if (file !== undefined) await deleteFiles(client, file, { recursive, dryRun });
        else await deleteOne(client, kind!, name, { ...tenantOf(options), dryRun });
      },
    );
}

function addFleet(root: Command, environment: NodeJS.ProcessEnv): void {
  withConnection(root.command('status'))
    .description('the fleet: each node, each xDS type: synced, stale or NACK with its reason')
    .argument('[node]', 'one of them in detail')
    .addOption(outputOption(['table', 'json']))
    .action(async (node: string | undefined, options: ConnectionOptions & { output: 'table' | 'json' }) =>
      status(connect(options, environment), node, options.output),
    );

  const drain = root.command('drain').description('take a part of the fleet out of service');
  withConnection(drain.command('node'))
    .description('no new flows come to a node, and it asks its clients to go elsewhere; it stays so until undrained')
    .argument('<id>', 'as status shows it')
    .option('--timeout <duration>', 'what is open then is cut, for example 45s (default: drain.timeout of its group)')
    .option('--wait', 'follow until nothing is left, or the time is up')
    .action(async (id: string, options: ConnectionOptions & { timeout?: string; wait?: boolean }) =>
      drainNode(connect(options, environment), id, { timeout: options.timeout, wait: options.wait === true }),
    );
  const undrain = root.command('undrain').description('put it in again');
  withConnection(undrain.command('node'))
    .description('a node that drains, has drained, or shall drain takes connections again')
    .argument('<id>', 'as status shows it')
    .action(async (id: string, options: ConnectionOptions) => undrainNode(connect(options, environment), id));

  const bootstrap = root.command('bootstrap').description('files with which other proxies join a group');
  withXdsFiles(withConnection(bootstrap.command('envoy')))
    .description('print the bootstrap file of an Envoy; it holds a node token made for it')
    .requiredOption('--group <group>', 'node group to join')
    .option('--id <id>', 'node id, unique in the fleet (default: made up)')
    .addOption(new Option('--variant <variant>', 'incremental or state-of-the-world ADS').choices(['delta', 'sotw']))
    .option('--admin-port <port>', "Envoy's admin port on 127.0.0.1 (default: a free one)", wholeNumber)
    .option('--xds <host:port>', 'xDS port as the Envoy reaches it (default: where this control plane listens)')
    .action(async (options: ConnectionOptions & EnvoyOptions) => {
      const { variant, adminPort } = options;
      const request = { ...bootstrapRequest(options), variant, adminPort };
      print((await connect(options, environment).bootstrapEnvoy(request)).trimEnd());
    });
  withXdsFiles(withConnection(bootstrap.command('grpc')))
    .description("print the bootstrap file (GRPC_XDS_BOOTSTRAP) of gRPC's own xDS clients; it holds a node token")
    .requiredOption('--group <group>', 'node group to join')
    .option('--id <id>', 'node id, unique in the fleet (default: made up)')
    .option('--xds <host:port>', 'xDS port as the client reaches it (default: where this control plane listens)')
    .action(async (options: ConnectionOptions & GrpcOptions) => {
      print((await connect(options, environment).bootstrapGrpc(bootstrapRequest(options))).trimEnd());
    });
}

interface GrpcOptions {
  readonly group: string;
  readonly id?: string;
  readonly xds?: string;
  readonly xdsCa?: string;
  readonly xdsCert?: string;
  readonly xdsKey?: string;
}

function bootstrapRequest({ group, id, xds, xdsCa, xdsCert, xdsKey }: GrpcOptions): Record<string, unknown> {
  return { group, id, xds, xdsCa, xdsCert, xdsKey };
}

/** Paths as they are on the machine where the bootstrap file will be used. */
function withXdsFiles(command: Command): Command {
  return command
    .option('--xds-ca <file>', 'over TLS: path, on its machine, of the authority that signed for the control plane')
    .option('--xds-cert <file>', 'path, on its machine, of a client certificate; no token is made then')
    .option('--xds-key <file>', 'path, on its machine, of its private key');
}

interface EnvoyOptions extends GrpcOptions {
  readonly variant?: 'delta' | 'sotw';
  readonly adminPort?: number;
}

function addTokens(root: Command, environment: NodeJS.ProcessEnv): void {
  const token = root.command('token').description('who may do what');
  withConnection(token.command('create'))
    .description('make a token; its secret is printed once')
    .requiredOption('--role <role>', 'admin, platform, network, tenant:NAME:editor, tenant:NAME:viewer or node:GROUP')
    .option('--name <name>', 'what it is for')
    .option('--expires-in <duration>', 'how long it lives, for example 12h or 30d (default, and most: 90d)')
    .addOption(outputOption(['text', 'json']))
    .action(
      async (
        options: ConnectionOptions & { role: string; name?: string; expiresIn?: string; output: 'text' | 'json' },
      ) => createToken(connect(options, environment), options),
    );
  withConnection(token.command('list'))
    .description('list the tokens, without their secrets')
    .addOption(outputOption(['table', 'json']))
    .action(async (options: ConnectionOptions & { output: 'table' | 'json' }) =>
      listTokens(connect(options, environment), options.output),
    );
  withConnection(token.command('revoke'))
    .description('revoke a token')
    .argument('<id>', 'as token list shows it')
    .action(async (id: string, options: ConnectionOptions) => revokeToken(connect(options, environment), id));
}

function withServer(command: Command): Command {
  return command
    .option(
      '--api <host:port>',
      'where the REST API listens (FAIRLEAD_API; default 127.0.0.1:7070; port 0: a free one)',
    )
    .option('--xds <host:port>', 'where the xDS server listens (FAIRLEAD_XDS; default 127.0.0.1:7071)')
    .option('--home <folder>', 'folder for all state (FAIRLEAD_HOME; default .fairlead)');
}

function withTenant(command: Command): Command {
  return command
    .option('-t, --tenant <tenant>', 'the tenant that owns it')
    .option('-n, --namespace <tenant>', 'the same, as kubectl calls it');
}

function tenantOf({ tenant, namespace }: TenantOptions): { tenant?: string } {
  const owner = tenant ?? namespace;
  return owner === undefined ? {} : { tenant: owner };
}

function fileOption(): Option {
  return new Option(
    '-f, --file <file>',
    'YAML or JSON file, folder of such files, or - for standard input; repeatable',
  ).argParser((value: string, before: string[] | undefined) => [...(before ?? []), value]);
}

function outputOption(forms: readonly string[]): Option {
  return new Option('-o, --output <form>', 'form of the output').choices(forms).default(forms[0]);
}

function portOffset(text: string): number {
  const offset = wholeNumber(text);
  if (offset > mostOffset) throw new InvalidArgumentError(`At most ${mostOffset}: ports end at 65535.`);
  return offset;
}

const mostOffset = 56_000;

function wholeNumber(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('Write a whole number.');
  return Number(text);
}
