// SpmatRead: reads SRAM rows of the sparse matrix and hands on one entry a cycle (EIE Sec. IV, "Sparse Matrix Read").
// Beside eiesim/machine/spmat_read.py. The SRAM is addressed at the edge that takes the entry's address, and only for
// another row than the one it shows: the SRAM's own output holds the row.
module spmat_read #(
    parameter int INDEX_BITS = 4,
    parameter int WEIGHT_BITS = 4,
    parameter int ROW_ENTRIES = 8,
    parameter int POINTER_BITS = 16,
    parameter int SPMAT_BITS = 14,
    parameter int VALUE_BITS = 16
) (
    input  logic                                            clock,
    input  logic                                            start,
    // PointerRead.
    input  logic                                            address_valid,
    input  logic                                            address_first,
    input  logic [POINTER_BITS-1:0]                         address_entry,
    input  logic signed [VALUE_BITS-1:0]                    address_activation,
    // The SRAM.
    output logic                                            sram_read,
    output logic [SPMAT_BITS-1:0]                           sram_address,
    input  logic [ROW_ENTRIES*(INDEX_BITS+WEIGHT_BITS)-1:0] sram_row,
    output logic                                            valid,
    output logic                                            first,
    output logic [WEIGHT_BITS-1:0]                          code,
    output logic [INDEX_BITS-1:0]                           z,
    output logic signed [VALUE_BITS-1:0]                    activation
);
    localparam int ENTRY_BITS = INDEX_BITS + WEIGHT_BITS;
    localparam int PLACE_BITS = ROW_ENTRIES > 1 ? $clog2(ROW_ENTRIES) : 1;
    localparam int ROW_SHIFT = $clog2(ROW_ENTRIES);

    logic [PLACE_BITS-1:0] place;   // Of the entry in its row.
    logic [SPMAT_BITS-1:0] held;    // The row that the SRAM shows.
    logic holds;                    // It shows one.
    logic [ENTRY_BITS-1:0] entry;

    // propagate. An entry is {z, code}; the first of a row lies lowest.
    assign entry = sram_row[int'(place)*ENTRY_BITS +: ENTRY_BITS];
    assign code = entry[WEIGHT_BITS-1:0];
    assign z = entry[ENTRY_BITS-1:WEIGHT_BITS];

    assign sram_address = SPMAT_BITS'(address_entry >> ROW_SHIFT);
    assign sram_read = address_valid && !(holds && held == sram_address);

    // update
    always_ff @(posedge clock)
        valid <= address_valid && !start;

    always_ff @(posedge clock)
        if (start || sram_read) holds <= !start;

    always_ff @(posedge clock)
        first <= address_first;

    always_ff @(posedge clock)
        if (address_valid) begin
            place <= ROW_ENTRIES > 1 ? address_entry[PLACE_BITS-1:0] : '0;
            activation <= address_activation;
        end

    always_ff @(posedge clock)
        if (sram_read) held <= sram_address;

`ifndef SYNTHESIS
    logic has_read;
    logic [31:0] row_reads, entries, padding;
    always @(posedge clock)
        if (start) begin
            has_read <= 1'b0;
            row_reads <= 0;
            entries <= 0;
            padding <= 0;
        end else begin
            has_read <= sram_read;
            row_reads <= row_reads + 32'(has_read);
            entries <= entries + 32'(valid);
            padding <= padding + 32'(valid && code == 0);
        end
`endif
endmodule
