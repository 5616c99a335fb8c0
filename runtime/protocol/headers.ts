/** Names of record headers: CloudEvents' Kafka binding (binary mode), W3C trace context, and what the runtime adds. */
export const headerNames = {
  id: 'ce_id',
  source: 'ce_source',
  type: 'ce_type',
  specVersion: 'ce_specversion',
  time: 'ce_time',
  subject: 'ce_subject',
  dataSchema: 'ce_dataschema',
  contentType: 'content-type',
  traceparent: 'traceparent',
  tracestate: 'tracestate',
  causationId: 'ce_causationid',
  correlationId: 'ce_correlationid',
  hop: 'ce_hop',
  /** Name of the upstream whose seq follows; set by outbox publishing only. */
  stream: 'ce_faasstream',
  /** `<generation>.<counter>`, two numbers that may begin with zeros. */
  seq: 'ce_faasseq',
  /** Inbox records: the trigger kind and the trigger's name. */
  trigger: 'ce_faastrigger',
  triggerName: 'ce_faastriggername',
} as const;

/** A chain longer than this is a dead letter with the reason `loop`. */
export const hopMax = 16;
