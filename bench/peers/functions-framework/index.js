/** The same as handlers/echo.ts. */
export function echo(request, response) {
  response.json(request.body);
}
