// A synchronous memory with one port: the word addressed at a clock edge shows after it, and stays until the next read.
// Synthesis sees only the ports (a black box: its area comes from a memory compiler); simulation loads `memory`.
`ifdef SYNTHESIS
(* blackbox *)
`endif
module sram #(
    parameter int WORDS = 2,
    parameter int BITS = 8,
    parameter int ADDRESS_BITS = 1
) (
    input  logic                    clock,
    input  logic                    read,
    input  logic [ADDRESS_BITS-1:0] address,
    output logic [BITS-1:0]         word
);
`ifndef SYNTHESIS
    logic [BITS-1:0] memory [0:WORDS-1] /*verilator public_flat_rw*/;

    always_ff @(posedge clock)
        if (read) word <= memory[address];

    always @(posedge clock)
        if (read) assert (int'(address) < WORDS) else $fatal(1, "%m: address %0d is out of range", address);
`endif
endmodule
