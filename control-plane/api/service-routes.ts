/** Health, readiness and metrics. */
import type { FastifyInstance } from 'fastify';
import { ApiError } from './problems.ts';
import { addRoute } from './routes.ts';
import type { ApiDependencies } from './server.ts';

export function addServiceRoutes(app: FastifyInstance, { readiness, metrics, version }: ApiDependencies): void {
  addRoute(
    app,
    'GET',
    '/healthz',
    {
      access: { type: 'public' },
      reference: {
        tag: 'service',
        summary: 'Whether this process is alive',
        answers: { 200: { description: 'It is.' } },
      },
    },
    () => ({ status: 'alive', version }),
  );

  addRoute(
    app,
    'GET',
    '/readyz',
    {
      access: { type: 'public' },
      reference: {
        tag: 'service',
        summary: 'Whether this replica can take writes and streams',
        answers: { 200: { description: 'It can.' }, 503: { description: 'It cannot, and why.' } },
      },
    },
    () => {
      const reasons = readiness();
      if (reasons.length === 0) return { status: 'ready' };
      throw new ApiError(503, reasons.join(' '), { headers: { 'retry-after': '1' } });
    },
  );

  addRoute(
    app,
    'GET',
    '/metrics',
    {
      access: { type: 'capability', capability: 'metrics' },
      reference: {
        tag: 'service',
        summary: 'Metrics of this replica, for Prometheus',
        answers: { 200: { description: 'The text format of Prometheus.' } },
      },
    },
    async (_request, reply) => reply.type(metrics.registry.contentType).send(await metrics.registry.metrics()),
  );
}
