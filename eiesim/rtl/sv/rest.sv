// What an adder unit adds as a sum is written: R_i + A, scaled (docs/rtl.md, "The adder unit"). In ActivationRW.
// A sum is read as source for the first time, and only then is it finished: so it costs no cycle. Each of the two banks of
// activations has a memory of -R_i beside it, a word a row. Both are read ahead: the destination's shows row 0 until the
// banks swap; the source's shows the row behind the one presented, whose R_i + A is worked out already.
`ifdef ADDER
module rest #(
    parameter int ROW_BITS = 6,
    parameter int VALUE_BITS = 16,
    parameter int REST_BITS = 31
) (
    input  logic                         clock,
    input  logic                         reset,
    input  logic                         start,
    input  logic                         swap,
    input  logic                         row_taken,
    input  logic                         source,       // Which bank is the source.
    // Of the layer that wrote the source; at a swap, of the one that is over: A, and the shift.
    input  logic signed [REST_BITS:0]    sent,
    input  logic [6:0]                   sent_shift_plus_16,
    // The memories. A word is {-R_i, 1}, or 0 where the layer has no such row.
    output logic                         read0,
    output logic                         read1,
    output logic [ROW_BITS-1:0]          address0,
    output logic [ROW_BITS-1:0]          address1,
    input  logic [REST_BITS:0]           word0,
    input  logic [REST_BITS:0]           word1,
    // Of the row presented: R_i + A, shifted, of as many bits as can matter, and the bit by which it is rounded.
    output logic signed [VALUE_BITS:0]   rest,
    output logic                         rest_rounds
);
    localparam int TOTAL_BITS = REST_BITS + 2;
    localparam int SHIFTED_BITS = TOTAL_BITS + 17;

    logic summed;  // The source holds sums, and no inputs.
    logic [ROW_BITS-1:0] next_row;
    logic [REST_BITS:0] word;
    logic signed [TOTAL_BITS-1:0] total;
    logic signed [SHIFTED_BITS-1:0] shifted;
    logic steps, adds, too_large;

    // propagate
    assign steps = swap || start || row_taken;
    assign read0 = source ? start || swap : summed && (start || row_taken);
    assign read1 = source ? summed && (start || row_taken) : start || swap;
    assign address0 = swap ? ROW_BITS'(1) : source ? '0 : next_row;
    assign address1 = swap ? ROW_BITS'(1) : source ? next_row : '0;

    assign word = swap ^ source ? word1 : word0;
    assign adds = !reset && (swap || summed) && word[0];
    assign total = TOTAL_BITS'(sent) - TOTAL_BITS'({1'b0, word[REST_BITS:1]});
    assign shifted = $signed({total, 17'b0}) >>> sent_shift_plus_16;
    // It is never above 0. What has more than VALUE_BITS + 1 bits saturates whatever it is added to.
    assign too_large = shifted[SHIFTED_BITS-1] && !(&shifted[SHIFTED_BITS-2:VALUE_BITS+1]);

    // update
    always_ff @(posedge clock)
        if (reset || swap) summed <= !reset;

    always_ff @(posedge clock)
        if (steps && (swap || summed)) next_row <= swap ? ROW_BITS'(2) : next_row + 1'b1;

    always_ff @(posedge clock)
        if (reset || steps) begin
            rest <= !adds ? '0 : too_large ? {1'b1, {VALUE_BITS{1'b0}}} : shifted[VALUE_BITS+1:1];
            rest_rounds <= adds && !too_large && shifted[0];
        end
endmodule
`endif
