// What the adder unit takes of the broadcasts: -A, the sum of the magnitudes of all that the LNZD sends, added up and scaled
// once for all PEs (docs/rtl.md, "The adder unit"). Beside the CCU. The bias's activation is sent as 0 and stands outside A.
`ifdef ADDER
module sent #(
    parameter int SCAN_BITS = 7,
    parameter int VALUE_BITS = 16,
    parameter int REST_BITS = 49
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
    // Of the layer that wrote the source; at a swap, of the one that is over. See rest.sv.
    output logic [REST_BITS-1:0]         sent
);
    localparam int FRACTION_BITS = REST_BITS - VALUE_BITS - 1;
    localparam int SUM_BITS = FRACTION_BITS - 1;
    localparam int SHIFTED_BITS = SUM_BITS + FRACTION_BITS + 16;

    logic [SCAN_BITS-1:0] row;  // That the LNZD holds.
    logic [SUM_BITS-1:0] sum;
    logic [SHIFTED_BITS-1:0] shifted;
    logic [REST_BITS-1:0] scaled, scaled_held;
    logic [VALUE_BITS-1:0] turned;
    logic of_bias, changed, negative;

    // propagate
    assign of_bias = has_bias && row == bias_row;
    assign activation = of_bias ? '0 : found;
    assign sent = swap ? scaled : scaled_held;
    // The magnitude: a negative number is inverted and goes in with a carry.
    assign negative = found[VALUE_BITS-1];
    assign turned = found ^ {VALUE_BITS{negative}};
    assign shifted = {sum, {(FRACTION_BITS+16){1'b0}}} >> shift_plus_16;

    // update
    always_ff @(posedge clock)
        if (start || row_taken) row <= start ? '0 : row + 1'b1;

    always_ff @(posedge clock)
        if (start || (fires && !of_bias)) sum <= start ? '0 : sum + SUM_BITS'(turned) + SUM_BITS'(negative);

    // A cycle later; a layer is over some cycles after its last broadcast.
    always_ff @(posedge clock)
        changed <= start || fires;

    always_ff @(posedge clock)
        if (changed) scaled <= |shifted[SHIFTED_BITS-1:REST_BITS-1] ? {1'b1, {(REST_BITS-1){1'b0}}} : shifted[REST_BITS-1:0];

    always_ff @(posedge clock)
        if (swap) scaled_held <= scaled;
endmodule
`endif
