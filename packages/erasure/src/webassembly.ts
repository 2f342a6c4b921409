/**
 * The part of WebAssembly's JavaScript interface the kernel is loaded with. TypeScript declares it only together with a
 * browser's document, which packages do not have.
 */
declare global {
  namespace WebAssembly {
    function validate(bytes: Uint8Array<ArrayBuffer>): boolean;
    interface Module {
      readonly [Symbol.toStringTag]: string;
    }
    const Module: new (bytes: Uint8Array<ArrayBuffer>) => Module;
    class Memory {
      private constructor();
      readonly buffer: ArrayBuffer;
    }
    class Instance {
      constructor(module: Module);
      readonly exports: Readonly<Record<string, unknown>>;
    }
  }
}
