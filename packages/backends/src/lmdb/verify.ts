/** Placeholder until the page walk exists. */
export async function verifyDataFile(_file: string): Promise<void> {}
