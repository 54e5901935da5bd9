// What an adder unit adds as a sum is written: R_i + A, scaled (docs/rtl.md, "The adder unit"). In ActivationRW.
// A sum is read as source for the first time, and only then is it finished: so it costs no cycle. Beside each of the two
// banks of activations stands a memory of -R_i, a word a row. Both are read ahead: the destination's shows row 0 until the
// banks swap; the source's shows the row behind the one presented, whose -(R_i + A) is worked out already.
`ifdef ADDER
module rest #(
    parameter int ROW_BITS = 6,
    parameter int VALUE_BITS = 16,
    parameter int REST_BITS = 49
) (
    input  logic                  clock,
    input  logic                  reset,
    input  logic                  start,
    input  logic                  swap,
    input  logic                  row_taken,
    input  logic                  source,    // Which bank is the source.
    // -A of the layer that wrote the source; at a swap, of the one that is over. Scaled, as -R_i is: in units of an
    // accumulator, with a fraction behind, and no larger than what saturates any accumulator.
    input  logic [REST_BITS-1:0]  sent,
    // The memories. A word is {-R_i and what rounds the sum, 1}, or 0 where the layer has no such row.
    output logic                  read0,
    output logic                  read1,
    output logic [ROW_BITS-1:0]   address0,
    output logic [ROW_BITS-1:0]   address1,
    input  logic [REST_BITS:0]    word0,
    input  logic [REST_BITS:0]    word1,
    // Of the row presented: what is taken off its sum, at most 2**VALUE_BITS.
    output logic [VALUE_BITS:0]   rest
);
    localparam int FRACTION_BITS = REST_BITS - VALUE_BITS - 1;

    logic summed;  // The source holds sums, and no inputs.
    logic [ROW_BITS-1:0] next_row;
    logic [REST_BITS:0] word;
    // Of its fraction the carry alone is used.
    // verilator lint_off UNUSEDSIGNAL
    logic [REST_BITS:0] total;
    // verilator lint_on UNUSEDSIGNAL
    logic steps, adds, too_large;

    // propagate
    assign steps = swap || start || row_taken;
    assign read0 = source ? start || swap : summed && (start || row_taken);
    assign read1 = source ? summed && (start || row_taken) : start || swap;
    assign address0 = swap ? ROW_BITS'(1) : source ? '0 : next_row;
    assign address1 = swap ? ROW_BITS'(1) : source ? next_row : '0;

    assign word = swap ^ source ? word1 : word0;
    assign adds = !reset && (swap || summed) && word[0];
    assign total = {1'b0, word[REST_BITS:1]} + {1'b0, sent};
    assign too_large = |total[REST_BITS:REST_BITS-1];

    // update
    always_ff @(posedge clock)
        if (reset || swap) summed <= !reset;

    always_ff @(posedge clock)
        if (swap || (summed && (start || row_taken))) next_row <= swap ? ROW_BITS'(2) : next_row + 1'b1;

    always_ff @(posedge clock)
        if (reset || steps) rest <= !adds ? '0 : too_large ? {1'b1, {VALUE_BITS{1'b0}}} : total[FRACTION_BITS +: VALUE_BITS+1];
endmodule
`endif
