/** The state of an endpoint in one word: what nodes go by, and what they report. */

/**
 * `disabled`, `unhealthy`, `ejected`, `draining`: takes nothing new, unless the cluster is in panic. `joining`: not
 * checked yet, and not used. `probation`, `slow-start`: takes a part of its share. `degraded`: used where too few are
 * healthy.
 */
export type EndpointState =
  | 'disabled'
  | 'joining'
  | 'unhealthy'
  | 'ejected'
  | 'draining'
  | 'degraded'
  | 'probation'
  | 'slow-start'
  | 'healthy';
