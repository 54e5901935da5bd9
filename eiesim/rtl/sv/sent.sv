// What the adder unit takes of the broadcasts: A, minus the sum of the magnitudes of all that the LNZD sends, added up once
// for all PEs (docs/rtl.md, "The adder unit"). Beside the CCU. The bias's activation is sent as 0 and stands outside A.
`ifdef ADDER
module sent #(
    parameter int SCAN_BITS = 7,
    parameter int VALUE_BITS = 16,
    parameter int REST_BITS = 31
) (
    input  logic                         clock,
    input  logic                         start,
    input  logic                         swap,
    input  logic                         has_bias,
    input  logic [SCAN_BITS-1:0]         bias_row,
    input  logic [6:0]                   shift_plus_16,
    // LNZD.
    input  logic                         fires,
    input  logic                         row_taken,
    input  logic signed [VALUE_BITS-1:0] found,
    output logic signed [VALUE_BITS-1:0] activation,
    // Of the layer that wrote the source; at a swap, of the one that is over.
    output logic signed [REST_BITS:0]    sent,
    output logic [6:0]                   sent_shift_plus_16
);
    logic [SCAN_BITS-1:0] row;  // That the LNZD holds.
    logic signed [REST_BITS:0] sum, sum_held, signed_found;
    logic [6:0] shift_held;
    logic of_bias;

    // propagate
    assign of_bias = has_bias && row == bias_row;
    assign activation = of_bias ? '0 : found;
    assign sent = swap ? sum : sum_held;
    assign sent_shift_plus_16 = swap ? shift_plus_16 : shift_held;
    assign signed_found = (REST_BITS+1)'(found);

    // update
    always_ff @(posedge clock)
        if (start || row_taken) row <= start ? '0 : row + 1'b1;

    // Minus the magnitude: a negative number is added, another is inverted and goes in with a carry.
    always_ff @(posedge clock)
        if (start || (fires && !of_bias))
            sum <= start ? '0 : sum + (found[VALUE_BITS-1] ? signed_found : ~signed_found)
                              + $signed({{REST_BITS{1'b0}}, !found[VALUE_BITS-1]});

    always_ff @(posedge clock)
        if (swap) begin
            sum_held <= sum;
            shift_held <= shift_plus_16;
        end
endmodule
`endif
