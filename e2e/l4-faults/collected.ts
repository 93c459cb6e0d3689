/** Loaded into a node (`--import`): SIGUSR2 makes it collect its garbage, which an idle one on a busy machine puts off. */
import v8 from 'node:v8';
import vm from 'node:vm';

v8.setFlagsFromString('--expose-gc');
const collect = vm.runInNewContext('gc') as () => void;
process.on('SIGUSR2', () => collect());
