/** envoy.extensions.filters.network.set_filter_state.v3.Config, whose one use here is the text that a TCP proxy hashes. */
import type { SetFilterState, TcpProxy } from '../../../proto/envoy.ts';
import { hashFormats } from '../../../proto/l4.ts';
import type { L4Hash, TcpHashConfig } from '../../model/config.ts';
import { readText } from './access-log.ts';
import { checkFields, fieldTable } from './fields.ts';
import { type Place, unsupported } from './problems.ts';
import { required } from './values.ts';

export const setFilterState = 'envoy.extensions.filters.network.set_filter_state.v3.Config';

const configFields = fieldTable(setFilterState, { carried: ['on_new_connection'] });
const hashable = 'envoy.hashable_string';
const valueFields = fieldTable('envoy.extensions.filters.common.set_filter_state.v3.FilterStateValue', {
  carried: ['object_key', 'factory_key', 'format_string'],
  // nobody else could write it, and endpoints have no filters that could read it
  ignored: ['read_only', 'shared_with_upstream'],
  only: { skip_if_empty: [false] },
});

const policy = 'envoy.type.v3.HashPolicy';
const policyFields = fieldTable(policy, { carried: ['source_ip', 'filter_state'] });
const stateFields = fieldTable(`${policy}.FilterState`, { carried: ['key'] });

/** A text that is kept under a key. */
export interface FilterState {
  readonly place: Place;
  readonly key: string;
  readonly format: string;
}

export function readFilterStates(place: Place, message: SetFilterState): readonly FilterState[] {
  checkFields(place, message, configFields);
  return (message.on_new_connection ?? []).map((value, index) => {
    const at = place.item('on_new_connection', index);
    checkFields(at, value, valueFields);
    const key = required(at.field('object_key'), value.object_key);
    const factory = value.factory_key || key;
    if (factory !== hashable) at.field('factory_key').refuse(`anything but ${hashable} is ${unsupported}`);
    const format = at.field('format_string');
    if (!value.format_string) format.refuse('must be set');
    return { place: at, key, format: value.format_string ? readText(format, value.format_string) : '' };
  });
}

/** @param states what filters in front have kept */
export function readHashPolicy(
  place: Place,
  policies: TcpProxy['hash_policy'],
  states: readonly FilterState[],
): TcpHashConfig | null {
  const [first, ...others] = policies ?? [];
  if (others.length > 0) place.field('hash_policy').refuse('must not hold more than one policy');
  const at = place.item('hash_policy', 0);
  if (first !== undefined) checkFields(at, first, policyFields);
  const key = first?.filter_state ? readStateKey(at.field('filter_state'), first.filter_state) : null;
  for (const state of states) {
    if (state.key !== key) state.place.refuse(`a value that no hash_policy asks for is ${unsupported}`);
  }
  if (first === undefined) return null;
  if (first.source_ip) return { type: 'source' };
  if (key === null) at.refuse('says no key');
  const found = states.findLast((state) => state.key === key);
  if (key && found === undefined) at.field('filter_state').field('key').refuse('no filter in front sets it');
  return found === undefined ? null : { type: 'text', format: found.format, means: meaningOf(found.format) };
}

function readStateKey(place: Place, state: { readonly key?: string }): string {
  checkFields(place, state, stateFields);
  return required(place.field('key'), state.key);
}

function meaningOf(format: string): L4Hash | null {
  const [meaning] = Object.entries(hashFormats).find(([, text]) => text === format) ?? [null];
  return meaning as L4Hash | null;
}
