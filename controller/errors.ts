export { FaasError } from '../runtime/sdk/errors.ts';
