/** What has run once is compiled, what has run a few times runs faster. */
export const rehearsals = 10;
