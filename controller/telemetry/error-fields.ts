/** Longest message and stack of an error in a log line. */
const messageMax = 4_096;
const stackMax = 16_384;
/** How far a chain of causes is followed. */
const causesMax = 5;

/** An error as fields of a log line, bounded; also of things thrown that are no errors, or that throw when they are looked at. */
export function errorFields(error: unknown): Record<string, unknown> {
  try {
    return describe(error, 0);
  } catch {
    return { message: 'an error that cannot be read' };
  }
}

function describe(error: unknown, depth: number): Record<string, unknown> {
  if (typeof error !== 'object' || error === null) return { message: cut(String(error), messageMax) };
  const { name, code, message, stack, cause } = pick(error);
  return {
    ...(typeof name === 'string' && { name }),
    ...(typeof code === 'string' && { code }),
    message: cut(String(message ?? ''), messageMax),
    ...(typeof stack === 'string' && { stack: cut(stack, stackMax) }),
    ...(cause !== undefined && depth < causesMax && { cause: describe(cause, depth + 1) }),
  };
}

/** Members of an Error are not enumerable, some inherited: each is asked for by name. */
function pick(error: object): Record<'name' | 'code' | 'message' | 'stack' | 'cause', unknown> {
  const get = (name: string): unknown => Reflect.get(error, name);
  return { name: get('name'), code: get('code'), message: get('message'), stack: get('stack'), cause: get('cause') };
}

function cut(text: string, max: number): string {
  return text.length <= max ? text : `${text.slice(0, max)}… (${text.length} characters)`;
}
